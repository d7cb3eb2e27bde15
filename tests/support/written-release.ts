import { parse } from "yaml";
import type { HostProgram } from "../../core/host/program-text";
import { deployProgram } from "../../core/host/requests";
import type { DeployRequest, Release, ReleaseService } from "../../core/host/types";
import {
  behaviourOf,
  type RenderedDocument,
  type Requirements,
  requirementsOf,
} from "../../core/release/requirements";

/** A release as tests write it. Everything that follows from the compose file is derived from its text. */
export interface WrittenRelease extends Omit<Release, keyof Requirements | "services"> {
  services: WrittenService[];
}

export type WrittenService = Omit<ReleaseService, keyof ReturnType<typeof behaviourOf>>;

export interface WrittenRequest extends Omit<DeployRequest, "release"> {
  release: WrittenRelease | { kept: string; project: string };
}

/** The program to run on a host for a request. */
export const deploymentProgram = (request: WrittenRequest): HostProgram =>
  deployProgram(completedRequest(request));

export const completedRequest = ({ release, ...request }: WrittenRequest): DeployRequest => ({
  ...request,
  release: "kept" in release ? release : completed(release),
});

function completed(release: WrittenRelease): Release {
  const document = (parse(release.compose) ?? {}) as RenderedDocument;
  const services = release.services.map((service) => ({
    ...service,
    ...behaviourOf(service.name, service.verify, document),
  }));
  return { ...release, services, ...requirementsOf(document) };
}
