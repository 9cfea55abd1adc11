import { afterAll, beforeAll, expect, test } from "vitest";
import { LocalCluster } from "./cluster.ts";

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start();
}, 60_000);

afterAll(async () => cluster.destroy());

const isAlive = (pid: number): boolean => {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("a cluster that is not ready in time is stopped, with all of its processes, before that is said", async () => {
  await cluster.stop();
  await expect(cluster.launch(700)).rejects.toThrow("not ready in time");
  expect(cluster.nodes().filter(({ pid }) => isAlive(pid))).toEqual([]);
  await cluster.launch();
  await cluster.healthy();
}, 90_000);
