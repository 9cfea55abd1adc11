export { CommandInterrupted, MalformedCommand, NotControllerLeader } from "./errors.ts";
export { CONTROLLER_GROUP_ID, ControllerNode, type ControllerNodeOptions, type InitialSettings } from "./node.ts";
export type { CommandReport } from "./pending-commands.ts";
export { controllerHandlers, type ControllerOptions, type RunningController, startController } from "./server.ts";
