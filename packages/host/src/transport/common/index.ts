// SPDX-License-Identifier: Apache-2.0
export * from './framed-socket.ts';
export { GuestCloser } from './guest-closer.ts';
export type * from './guest-context.ts';
export * from './guest-socket.ts';
export * from './guest-wall.ts';
export * from './polling.ts';
export * from './transport-error.ts';
export * from './within.ts';
