// SPDX-License-Identifier: Apache-2.0
export { bufferChecks } from './buffers.ts';
export { chainChecks } from './chains.ts';
export { controlChecks } from './controls.ts';
export { decoderChecks } from './decoder.ts';
export { mappingChecks } from './mappings.ts';
export { payloadChecks } from './payloads.ts';
export { sessionChecks } from './sessions.ts';
export { stopChecks } from './stops.ts';
