import { DISK_FAULTS } from "./disk-faults.ts";
import type { Fault } from "./fault.ts";
import { NETWORK_FAULTS } from "./network-faults.ts";
import { PROCESS_FAULTS } from "./process-faults.ts";
import { RESHARD_FAULTS } from "./reshard-faults.ts";

export const FAULTS: readonly Fault[] = [...PROCESS_FAULTS, ...NETWORK_FAULTS, ...DISK_FAULTS, ...RESHARD_FAULTS];
