// SPDX-License-Identifier: Apache-2.0
export { RAW_ADAPTERS, STDIN_KIND } from './raw-adapters.ts';
