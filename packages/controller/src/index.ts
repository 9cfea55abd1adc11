export { CommandInterrupted, MalformedCommand, NotControllerLeader } from "./errors.ts";
export { ControllerLaunch, type ControllerLaunchOptions } from "./launch.ts";
export { controllerOf } from "./membership/member-id.ts";
export { openControllerStore } from "./membership/open-store.ts";
export {
  CONTROLLER_GROUP_ID,
  ControllerNode,
  type ControllerNodeOptions,
  type ControllerTuning,
  type InitialSettings,
} from "./node.ts";
export { refusalOfRecovery } from "./decisions/rehearse-recovery.ts";
export type { CommandReport } from "./pending-commands.ts";
export { type Backup, type BackupHeader, decodeBackup, encodeBackup } from "./restore/backup-file.ts";
export { readControllerFolder, writeControllerFolder } from "./restore/controller-folder.ts";
export { describeState, restoredState, stateFromMetadata } from "./restore/restored-state.ts";
export { type ControllerOptions, type RunningController, startController } from "./server.ts";
export { controllerHandlers } from "./service.ts";
