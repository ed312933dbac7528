// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { SOURCE_ADAPTERS, type SourceAdapter } from '../sources/index.ts';
import { type ConfigInput, configSchema, type DaemonConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import { anchorPaths, mergeConfig } from './merge-config.ts';

/** How a configuration is checked. */
export interface CheckOptions {
  /** what a field is called in messages; `devices[0].size` */
  readonly nameOf?: FieldNamer;
  /** the kinds of sources that it may name; SOURCE_ADAPTERS */
  readonly adapters?: readonly SourceAdapter[];
}

/**
 * Reads and checks a YAML file, whose paths are relative to its folder. `flags` adds devices and sources to it and overrides the
 * rest. Throws `ConfigError`.
 */
export function loadConfig(path: string, flags?: ConfigInput, o: CheckOptions = {}): DaemonConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError([`${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`]);
  }
  const adapters = o.adapters ?? SOURCE_ADAPTERS;
  const file = anchorPaths(parseInput(text, path, adapters), path, adapters);
  return checkConfig(flags === undefined ? file : mergeConfig(file, flags), o);
}

/** Checks the text of a configuration; `path` is for messages. Throws `ConfigError` with the line and field of every problem. */
export function parseConfig(text: string, path: string): DaemonConfig {
  return checkConfig(parseInput(text, path, SOURCE_ADAPTERS));
}

/** The configuration as it is written, once it is known to be one. */
function parseInput(text: string, path: string, adapters: readonly SourceAdapter[]): ConfigInput {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new ConfigError(document.errors.map((error) => `${path}:${lines.linePos(error.pos[0]).line}: ${error.message}`));
  }
  const input: unknown = document.toJS() ?? {};
  const result = configSchema(adapters).safeParse(input);
  if (result.success) return input as ConfigInput;
  throw new ConfigError(result.error.issues.flatMap((issue) => describe(issue, document, lines, path)));
}

/** What a field is called where somebody wrote it: a field of the configuration unless it came from elsewhere. */
export type FieldNamer = (path: readonly PropertyKey[], value: unknown) => string;

/** Checks a configuration. Throws `ConfigError` naming the fields. */
export function checkConfig(input: unknown, { nameOf = fieldName, adapters = SOURCE_ADAPTERS }: CheckOptions = {}): DaemonConfig {
  const result = configSchema(adapters).safeParse(input, { reportInput: true });
  if (result.success) return result.data;
  throw new ConfigError(
    result.error.issues.map(unionIssue).map((issue) => `${nameOf(issue.path, issue.input)} ${wording(issue)}`),
  );
}

function describe(issue: z.core.$ZodIssue, document: Document, lines: LineCounter, path: string): string[] {
  const deepest = unionIssue(issue);
  const keys = deepest.code === 'unrecognized_keys' ? deepest.keys : [undefined];
  return keys.map((key) => {
    const field = key === undefined ? deepest.path : [...deepest.path, key];
    const { line } = lines.linePos(offsetOf(document, field));
    return `${path}:${line}: ${fieldName(field)} ${key === undefined ? wording(deepest) : 'is not a field that is known here'}`;
  });
}

/** Of the ways in which no member of a union fits, the one that got furthest says most. */
function unionIssue(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const all = issue.errors.flat();
  const best = all.reduce<z.core.$ZodIssue | undefined>(
    (a, b) => (a === undefined || b.path.length > a.path.length ? b : a),
    undefined,
  );
  return best === undefined ? issue : unionIssue({ ...best, path: [...issue.path, ...best.path] } as z.core.$ZodIssue);
}

function wording(issue: z.core.$ZodIssue): string {
  if (issue.code === 'custom') return issue.message;
  if (issue.code === 'invalid_type' && issue.input === undefined && issue.message.includes('undefined')) return 'is missing';
  return `is wrong: ${issue.message}`;
}

/** `devices[0].size` */
export function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the configuration';
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${String(key)}`)).join('');
}

/** Where the field stands in the text, or the nearest thing around it that does. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const keys = path.slice(0, length);
    const node = length === 0 ? document.contents : document.getIn(keys as unknown[], true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}
