// SPDX-License-Identifier: Apache-2.0
export { patternAdapter } from './pattern-adapter.ts';
export { PATTERN_FORMATS, PATTERN_SIZES } from './pattern-capabilities.ts';
export { openPattern, type PatternOptions } from './pattern-source.ts';
