// SPDX-License-Identifier: Apache-2.0
export * from './find-node.ts';
export * from './host-node.ts';
