import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import type { ComposeDocument } from "../../../../core/compose/document";
import { renderCompose } from "../../../../core/compose/render";
import { asRead, render } from "./rendering";

describe("renderCompose", () => {
  for (const text of [
    "yes",
    "no",
    "on",
    "null",
    "~",
    "0o17",
    "017",
    "1:30",
    "1e3",
    "1_000",
    "0x1f",
    ".inf",
    "2030-01-02",
    "<<",
    "=",
    "$",
    "$$",
    "a\nb\n",
    "\n",
    " a ",
    "",
    "#",
    "ä😀",
    "\u0085\u2028",
    "\u0000\u001b",
    "\ud800",
    "'\"\\",
    "- a",
    "&a",
    "*a",
    "!a",
    "%",
    "@",
    "`",
    "k: v",
    "\t",
  ]) {
    it(`quotes ${JSON.stringify(text)} so that every version of YAML reads the same text`, () => {
      const document = { name: "shop", services: { web: { image: text, environment: { [text]: text } } } };
      const project = { name: "shop", services: [], files: [], document: document as ComposeDocument };
      const rendered = renderCompose(project, { images: {}, files: new Map() });
      assert.ok(rendered.includes('"image": "'), rendered);
      for (const version of ["1.1", "1.2"] as const) {
        assert.deepEqual(asRead(rendered, { version, merge: version === "1.1" }), document);
      }
    });
  }

  it("writes no character that YAML 1.1 rejects or reads as a line ending", () => {
    const text = "\u007f\u0085\u009f\u2028\u2029\ufeff\ufffe\uffff";
    const document = { name: "shop", services: { web: { image: text, [text]: text } } };
    const project = { name: "shop", services: [], files: [], document: document as ComposeDocument };
    const rendered = renderCompose(project, { images: {}, files: new Map() });
    assert.match(rendered, /^[\n -~]*$/);
    assert.deepEqual(parse(rendered), document);
  });

  it("preserves any text, number and flag exactly, as key and as value", () => {
    const text = fc.string({ unit: "grapheme" });
    const value = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null));
    const tree = fc.oneof(value, fc.array(value), fc.dictionary(text, value));
    fc.assert(
      fc.property(
        fc.dictionary(
          text.map((key) => `k${key}`),
          tree,
        ),
        (node) => {
          // Out of one object, so that an equal part could be written as an alias.
          const services = { a: { image: "i", deploy: node }, b: { image: "i", deploy: node } };
          assert.deepEqual({ ...render(services) }, JSON.parse(JSON.stringify({ name: "shop", services })));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("does not break lines, however long a text is", () => {
    const command = ["sh", "-c", `echo ${"word ".repeat(1000)}`];
    assert.deepEqual(render({ web: { image: "a", command } }).services.web!.command, command);
  });

  it("writes out in full what several services share", () => {
    const healthcheck = { test: ["CMD", "true"] };
    const document = { name: "shop", services: { a: { healthcheck }, b: { healthcheck } } };
    const project = { name: "shop", services: [], files: [], document };
    assert.doesNotMatch(renderCompose(project, { images: {}, files: new Map() }), /[&*]/);
  });
});
