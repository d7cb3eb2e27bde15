import { StringDecoder } from "node:string_decoder";

/**
 * Splits a stream (UTF-8) into lines, also the last one if it has no line feed. A line ends with a line feed only: readline
 * would also break it at the carriage returns of progress bars.
 */
export class Lines {
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";

  /** @param listener - called with each line, without its line feed. */
  constructor(private readonly listener: (line: string) => void) {}

  write(data: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(data)).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) this.listener(line);
  }

  end(): void {
    const last = this.#rest + this.#decoder.end();
    if (last !== "") this.listener(last);
  }
}
