// SPDX-License-Identifier: Apache-2.0
export { CopyPool, type CopyPoolStats, type GuestMemoryAccess } from './copy-pool.ts';
