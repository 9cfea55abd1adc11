import { moveIsCancelledBehindItsLeader } from "./cancelled-move.ts";
import { consumerGroupGoesOn } from "./consumer-group.ts";
import { deposedLeaderIsRead } from "./deposed-leader.ts";
import {
  repetitionsAfterAClockStep,
  repetitionsAfterAReshard,
  repetitionsAfterARestart,
  repetitionsAfterReshardsAndAClockStep,
  repetitionsBesideAClosedShardThatIsAway,
  repetitionsByAStaleGateway,
} from "./late-repetitions.ts";
import { retentionGrewMeanwhile } from "./late-retention.ts";
import { leaderMissedAMove } from "./overtaken-wish.ts";
import {
  replicaIsFilledPastItsFirstStay,
  replicaReturnsToItsFormerLeader,
  replicaReturnsWithoutItsVote,
} from "./returning-replica.ts";
import { disksAreNearlyFull } from "./full-disks.ts";
import { headerRots } from "./rotten-header.ts";
import {
  clockIsWrongWhereAReshardIsUnknown,
  clockIsWrongWhileABrokerIsAway,
  clockIsWrongWhileDisksAreLost,
} from "./wrong-clock.ts";
import type { Scenario } from "./scenario.ts";
import { controllerSleepsThroughItsSuccessor } from "./sleeping-leader.ts";
import { unknownAppendsMeetAReshard } from "./unknown-append.ts";

export const SCENARIOS: readonly Scenario[] = [
  replicaReturnsWithoutItsVote,
  replicaReturnsToItsFormerLeader,
  replicaIsFilledPastItsFirstStay,
  deposedLeaderIsRead,
  unknownAppendsMeetAReshard,
  repetitionsAfterARestart,
  repetitionsAfterAClockStep,
  repetitionsAfterAReshard,
  repetitionsAfterReshardsAndAClockStep,
  repetitionsByAStaleGateway,
  repetitionsBesideAClosedShardThatIsAway,
  moveIsCancelledBehindItsLeader,
  leaderMissedAMove,
  headerRots,
  clockIsWrongWhileABrokerIsAway,
  clockIsWrongWhileDisksAreLost,
  clockIsWrongWhereAReshardIsUnknown,
  consumerGroupGoesOn,
  disksAreNearlyFull,
  retentionGrewMeanwhile,
  controllerSleepsThroughItsSuccessor,
];
