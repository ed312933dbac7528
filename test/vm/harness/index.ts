// SPDX-License-Identifier: Apache-2.0

export { AgentLink } from './agent-link.ts';
export { deviceArguments, type GuestDevice, type Transport } from './devices.ts';
export { awaitScript, Guest, type GuestOptions } from './guest.ts';
export { GuestError } from './guest-error.ts';
export { machineArguments } from './machine.ts';
export { withTimeout } from './patience.ts';
export { SCRIPT_TIMEOUT, type ScriptResult, Scripts } from './scripts.ts';
