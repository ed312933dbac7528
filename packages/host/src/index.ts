// SPDX-License-Identifier: Apache-2.0
/** @module Paravideo on Linux: devices at vhost-user and vfio-user sockets, and the front-end that drives them without a machine. */
export * from './frontend/index.ts';
export * from './log/index.ts';
export * from './memory/index.ts';
export * from './sys/index.ts';
export * from './transport/common/index.ts';
export * from './transport/vfio-user/index.ts';
export * from './transport/vhost-user/index.ts';
