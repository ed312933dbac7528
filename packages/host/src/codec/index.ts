// SPDX-License-Identifier: Apache-2.0
export { CodecError } from './codec-error.ts';
export { CodecHost, type CodecHostOptions } from './codec-host.ts';
