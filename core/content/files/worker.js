const { receiveMessageOnPort, workerData } = require("node:worker_threads");
const { runJob } = require("./file-work.js");

// What the numbers in `counters` are: see worker-pool.ts.
const [TAKEN, PUBLISHED] = [0, 1];
const { port, counters } = workerData;
const jobs = [];

for (;;) {
  const mine = Atomics.add(counters, TAKEN, 1);
  for (let published = Atomics.load(counters, PUBLISHED); published <= mine; ) {
    if (published < 0) process.exit();
    Atomics.wait(counters, PUBLISHED, published);
    published = Atomics.load(counters, PUBLISHED);
  }
  while (jobs.length <= mine) jobs.push(receiveMessageOnPort(port).message);
  const { done } = jobs[mine];
  runJob(jobs[mine]);
  // Every worker gets every job; those up to this one are not needed again.
  jobs.fill(undefined, 0, mine + 1);
  Atomics.store(done, 0, 1);
  Atomics.notify(done, 0);
}
