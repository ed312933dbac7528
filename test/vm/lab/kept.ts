// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { makeRoot, type OpenApt, type RootRecipe } from './roots.ts';
import { keyOf, Stamp } from './stamp.ts';

/** Raised when what the steps do changes, so that caches of an earlier version are made anew. */
const RECIPE_VERSION = '2';

/** Remembers in a cache that `name` was made of these inputs. */
export function stampIn(cache: string, name: string, ...inputs: readonly (string | Uint8Array)[]): Stamp {
  return new Stamp(join(cache, 'stamps', name), keyOf(RECIPE_VERSION, ...inputs));
}

/** The tree of a recipe in a cache, made unless it is there; its path. */
export async function keepRoot(
  recipe: RootRecipe,
  cache: string,
  open: OpenApt,
  progress: (part: string, step: string) => void,
): Promise<string> {
  const folder = join(cache, recipe.name);
  await stampIn(cache, recipe.name, JSON.stringify(recipe)).make(() =>
    makeRoot(recipe, folder, open, (step) => progress(recipe.name, step)),
  );
  return folder;
}
