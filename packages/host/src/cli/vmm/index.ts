// SPDX-License-Identifier: Apache-2.0
export { type QemuArgumentOptions, qemuArguments, shellLine } from './qemu-arguments.ts';
export { chooseTransport, parseDeviceHelp, type QemuTransport, qemuDevices } from './qemu-devices.ts';
export { VmmError } from './vmm-error.ts';
