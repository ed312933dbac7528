// SPDX-License-Identifier: Apache-2.0
export { checkDriverStyle } from './checkpatch.ts';
export { command } from './command.ts';
export { DRIVER_MODULE, TEST_VIRTIO_ID } from './driver.ts';
export { cacheFolder, REPOSITORY } from './folders.ts';
export type { Kernel } from './kernel.ts';
export { KERNELS } from './kernels.ts';
export { LabError, MirrorError } from './lab-error.ts';
export { buildProgram } from './program.ts';
export type { QemuProgram } from './qemu.ts';
export { type Lab, type SetupOptions, setupLab } from './setup.ts';
