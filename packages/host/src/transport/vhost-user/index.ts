// SPDX-License-Identifier: Apache-2.0
export * from './backend-channel.ts';
export * from './connection.ts';
export * from './guest-backend.ts';
export * from './handler.ts';
export * from './memory-table.ts';
export * from './protocol.ts';
export * from './server.ts';
export * from './shmem-window.ts';
export * from './vhost-user-error.ts';
export * from './vring.ts';
