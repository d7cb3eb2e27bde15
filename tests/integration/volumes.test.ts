import assert from "node:assert/strict";
import { engine, exec } from "../../lab/faults";
import { eventually } from "../../lab/poll";
import { newest, lab as sharedLab } from "../support/lab";
import { TestStack } from "../support/stack";

describe("data of containers", function () {
  this.timeout(600_000);
  let stack: TestStack;

  before(async () => {
    stack = await TestStack.create(await sharedLab(newest));
    await stack.write(
      "compose.yaml",
      `services:
  web:
    build: web
    volumes: ["site:/www"]
    x-everfresh: { volumes: { site: image } }
    command: [sleep, infinity]
    stop_signal: SIGKILL
  front:
    build: front
    ports: ["8081:8080"]
    depends_on: [web]
    volumes: ["site:/site:ro", "./uploads:/uploads"]
    stop_signal: SIGKILL
volumes:
  site:
`,
    );
    await stack.write(
      "front/Dockerfile",
      'FROM everfresh-test-base\nCMD ["httpd", "-f", "-p", "8080", "-h", "/site"]\n',
    );
  });
  after(() => stack?.[Symbol.asyncDispose]());

  const serves = (page: string) =>
    eventually(`the page ${page}`, async () => (await stack.page()) === page, 10_000);

  it("is replaced in a volume that belongs to the image, also by a rollback, and kept in a folder of the host", async () => {
    const preview = await stack.pulumi("preview");
    const uploads = `/home/deploy/.everfresh/${stack.project}/mounts/uploads`;
    assert.match(
      preview.output,
      new RegExp(
        `kept on the host, never sent: uploads \\(front\\), in ~/\\.everfresh/${stack.project}/mounts`,
      ),
    );
    await stack.mustUp();
    await serves("<h1>first</h1>");
    const { front } = await stack.containers();
    await engine(stack.host, "exec", front!.id, "sh", "-c", "echo mine >/uploads/note");
    const { release } = await stack.outputs<{ release: string }>();
    await stack.write("web/index.html", "<h1>second</h1>\n");
    await stack.mustUp();
    await serves("<h1>second</h1>");
    await stack.configure({ release });
    await stack.mustUp();
    await serves("<h1>first</h1>");
    assert.equal(await exec(stack.host, ["cat", `${uploads}/note`]), "mine");
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    assert.equal(await exec(stack.host, ["cat", `${uploads}/note`]), "mine");
    await exec(stack.host, ["rm", "-r", `/home/deploy/.everfresh/${stack.project}`]);
  });
});
