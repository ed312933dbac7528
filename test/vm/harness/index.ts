// SPDX-License-Identifier: Apache-2.0
export { deviceArguments, type GuestDevice, type Transport } from './devices.ts';
export { awaitScript, Guest, type GuestOptions, type ScriptResult } from './guest.ts';
export { GuestError } from './guest-error.ts';
export { machineArguments } from './machine.ts';
