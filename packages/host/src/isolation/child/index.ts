// SPDX-License-Identifier: Apache-2.0
export { allowedCalls, type ChildKind } from './allowed-calls.ts';
export { Backoff } from './backoff.ts';
export { cgroupText, delegationText, joinCgroups } from './cgroups.ts';
export { Child, type ChildOptions } from './child-process.ts';
export { ChildProtocolError } from './child-protocol-error.ts';
export { FIRST_GIVEN_FD, LINK_FD } from './descriptors.ts';
export { type ChildIsolation, isolation } from './isolation.ts';
export { KeptChild, type KeptChildOptions } from './kept-child.ts';
export { encodeMessages, MAX_MESSAGE_NUMBERS, MessageReader } from './message.ts';
export { MessageLink } from './message-link.ts';
export { type MessageOf, MessageSet, type MessageTable } from './message-set.ts';
export { NAMESPACES, type Namespace } from './namespaces.ts';
export { ParentLink } from './parent-link.ts';
export { bindToParent, enterSandbox } from './sandbox.ts';
export { DATA_BYTES } from './sandbox-limits.ts';
