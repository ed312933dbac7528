// SPDX-License-Identifier: Apache-2.0

export * from '../../wire/pci/virtio-pci.ts';
export * from './common-config.ts';
export * from './config-space.ts';
export * from './msix-table.ts';
export * from './pci-error.ts';
export * from './pci-function.ts';
export * from './virtio-pci-device.ts';
export * from './virtio-pci-driver.ts';
