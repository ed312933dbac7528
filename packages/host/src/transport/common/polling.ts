// SPDX-License-Identifier: Apache-2.0
import { availableParallelism } from 'node:os';
import { BusyPolling } from '@paravideo/core';

/** Milliseconds that the next command of a quick driver is waited for, awake: what waking two processors up costs. */
const POLL_LIMIT = 0.05;

/** One for the rings of all guests, since they share this thread. With a single processor the driver could not go on meanwhile. */
export const polling: BusyPolling | undefined = availableParallelism() > 1 ? new BusyPolling(POLL_LIMIT) : undefined;
