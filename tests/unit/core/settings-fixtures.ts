import assert from "node:assert/strict";
import { Problems } from "../../../core/problems";
import { parseSettings, type RawSettings } from "../../../core/settings";

export const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakeFakeFakeFakeFakeFakeFakeFakeFakeFake";
export const privateKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
export const host = { name: "web1", address: "web1.example.com", user: "deploy", hostKey };
export const registry = { address: "registry.example.com/team" };
/** The least that is accepted. */
export const minimal: RawSettings = { composeFile: "compose.yaml", hosts: [host], registry };

/** What is wrong with settings, a line each. */
export const settingsProblems = (raw: RawSettings): readonly string[] => {
  try {
    parseSettings(raw);
  } catch (error) {
    assert.ok(error instanceof Problems, String(error));
    return error.problems;
  }
  return assert.fail("it was accepted");
};
