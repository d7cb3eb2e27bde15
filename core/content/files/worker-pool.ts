import { availableParallelism } from "node:os";
import { join } from "node:path";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { type Job, runJob } from "./file-work";

const MOST_WORKERS = 3;
/** Milliseconds after which a job that a worker has taken is also run here. */
const PATIENCE_MS = 60_000;
// Places in the counters: jobs taken, jobs published (-1: no more will come).
const [TAKEN, PUBLISHED] = [0, 1];

type Posted = Job & { done: Int32Array };

/**
 * Runs jobs on all cores, this thread included. All threads take the next job from one shared counter, so a worker that
 * starts late, or fails to start, costs nothing: this thread does its share.
 */
export class WorkerPool {
  readonly #counters = new Int32Array(new SharedArrayBuffer(8));
  readonly #ports: MessagePort[] = [];
  readonly #jobs: Posted[] = [];

  /** Starts the workers, unless they have been started. */
  start(): void {
    if (this.#ports.length > 0) return;
    for (let i = 0; i < Math.min(availableParallelism() - 1, MOST_WORKERS); i++) {
      const { port1, port2 } = new MessageChannel();
      const worker = new Worker(join(__dirname, "worker.js"), {
        workerData: { port: port2, counters: this.#counters },
        transferList: [port2],
        // Without this process's loaders, which a worker does not need and would be slow to load.
        execArgv: [],
        env: {},
      });
      worker.unref();
      port1.unref();
      // `finish` runs what a broken worker leaves undone.
      worker.on("error", () => {});
      for (const job of this.#jobs) port1.postMessage(job);
      this.#ports.push(port1);
    }
  }

  /** Queues a job. Its result is available after {@link finish}. */
  publish(job: Job): void {
    const posted = { ...job, done: new Int32Array(new SharedArrayBuffer(4)) };
    this.#jobs.push(posted);
    for (const port of this.#ports) port.postMessage(posted);
    Atomics.add(this.#counters, PUBLISHED, 1);
    Atomics.notify(this.#counters, PUBLISHED);
  }

  /** Works through the queue and waits until every published job is done. */
  finish(): void {
    for (let next = this.#take(); next; next = this.#take()) this.#run(next);
    for (const job of this.#jobs) {
      if (Atomics.load(job.done, 0) === 0 && Atomics.wait(job.done, 0, 0, PATIENCE_MS) === "timed-out")
        this.#run(job);
    }
  }

  /** Ends the workers. */
  stop(): void {
    Atomics.store(this.#counters, PUBLISHED, -1);
    Atomics.notify(this.#counters, PUBLISHED);
  }

  #run(job: Posted): void {
    runJob(job);
    Atomics.store(job.done, 0, 1);
  }

  #take(): Posted | undefined {
    for (;;) {
      const next = Atomics.load(this.#counters, TAKEN);
      if (next >= this.#jobs.length) return undefined;
      if (Atomics.compareExchange(this.#counters, TAKEN, next, next + 1) === next) return this.#jobs[next];
    }
  }
}
