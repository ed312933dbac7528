// SPDX-License-Identifier: Apache-2.0
export * from './host-node.ts';
