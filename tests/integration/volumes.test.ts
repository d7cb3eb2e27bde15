import { eventually } from "../../lab/poll";
import { lab as sharedLab } from "../support/lab";
import { TestStack } from "../support/stack";

describe("a volume that belongs to an image", function () {
  this.timeout(180_000);
  let stack: TestStack;

  before(async () => {
    stack = await TestStack.create(await sharedLab());
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
    volumes: ["site:/site:ro"]
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

  it("has the new image's files for all that mount it, and those of a release that comes back", async () => {
    await stack.mustUp();
    await serves("<h1>first</h1>");
    const { release } = await stack.outputs<{ release: string }>();
    await stack.write("web/index.html", "<h1>second</h1>\n");
    await stack.mustUp();
    await serves("<h1>second</h1>");
    await stack.configure({ release });
    await stack.mustUp();
    await serves("<h1>first</h1>");
  });
});
