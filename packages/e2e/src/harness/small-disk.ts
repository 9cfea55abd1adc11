import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MIB } from "@millrace/util";

const SIZE_BYTES = 1_024 * MIB;
const FILLER = "filler";

/** A file system of one gigabyte in a file, so that filling it fills nobody else's. Root on Linux. */
export class SmallDisk {
  readonly directory: string;
  readonly #image: string;

  private constructor(directory: string, image: string) {
    this.directory = directory;
    this.#image = image;
  }

  /** Undefined: this machine does not allow it. */
  static mount(directory: string): SmallDisk | undefined {
    const image = `${directory}.img`;
    const disk = new SmallDisk(directory, image);
    try {
      mkdirSync(directory, { recursive: true });
      writeFileSync(image, "");
      truncateSync(image, SIZE_BYTES);
      for (const [program, ...parameters] of [
        ["mkfs.ext4", "-q", "-m", "0", image],
        ["mount", "-o", "loop", image, directory],
      ] as const) {
        execFileSync(program, parameters, { stdio: "ignore" });
      }
      return disk;
    } catch {
      rmSync(image, { force: true });
      return undefined;
    }
  }

  /** @returns what makes room again */
  fill(leftBytes: number): () => void {
    const { bavail, bsize } = statfsSync(this.directory);
    const path = join(this.directory, FILLER);
    const sizeBytes = Math.max(0, bavail * bsize - leftBytes);
    execFileSync("fallocate", ["-l", String(sizeBytes), path], { stdio: "ignore" });
    return () => rmSync(path, { force: true });
  }

  unmount(): void {
    execFileSync("umount", [this.directory], { stdio: "ignore" });
    rmSync(this.#image, { force: true });
  }
}
