import { awsError } from "../errors.ts";
import { defineOperation } from "./operation.ts";

/** Billing commitments exist on AWS only. */
export const describeAccountSettings = defineOperation("DescribeAccountSettings", () => ({
  MinimumThroughputBillingCommitment: { Status: "DISABLED" },
}));

export const updateAccountSettings = defineOperation("UpdateAccountSettings", (input) => {
  if (input.MinimumThroughputBillingCommitment.Status === "ENABLED") {
    throw awsError("INVALID_ARGUMENT", {
      text: "Billing commitments do not exist here: throughput is what the brokers give.",
    });
  }
  return { MinimumThroughputBillingCommitment: { Status: "DISABLED" } };
});
