// SPDX-License-Identifier: Apache-2.0
export * from './echo-device.ts';
export * from './echo-driver.ts';
export * from './errno-of.ts';
export * from './hostile-ring.ts';
export * from './late-controls.ts';
export * from './manual-clock.ts';
export * from './media-transport.ts';
export * from './random.ts';
export * from './raw-ring.ts';
export * from './scripted-device.ts';
export * from './solid-source.ts';
export * from './test-cameras.ts';
export * from './toy-capture.ts';
export * from './toy-consumer.ts';
export * from './toy-decoder.ts';
export * from './toy-guest.ts';
export * from './toy-stream.ts';
