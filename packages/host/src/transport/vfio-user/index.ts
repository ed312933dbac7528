// SPDX-License-Identifier: Apache-2.0
export * from './connection.ts';
export * from './dma-table.ts';
export * from './handler.ts';
export * from './pci-guest.ts';
export * from './protocol.ts';
export * from './server.ts';
export * from './vfio-interrupts.ts';
export * from './vfio-user-error.ts';
export * from './whole-window.ts';
