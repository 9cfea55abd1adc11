// Original file: proto/millrace/v1/controller.proto

import type { Lease as _millrace_v1_Lease, Lease__Output as _millrace_v1_Lease__Output } from '../../millrace/v1/Lease.ts';

export interface LeasesResult {
  'exists'?: (boolean);
  'leases'?: (_millrace_v1_Lease)[];
  'groups'?: (string)[];
}

export interface LeasesResult__Output {
  'exists': (boolean);
  'leases': (_millrace_v1_Lease__Output)[];
  'groups': (string)[];
}
