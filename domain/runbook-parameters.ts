import type { Json } from './json.ts';
import type { RunRequest } from './run.ts';
import type { Loaded } from './schema/load.ts';
import { oneOf, ProblemList, seenText } from './schema/problem.ts';
import type { Problem } from './schema/problem.ts';
import type { Runbook, RunbookParameter } from './schema/runbook.ts';

export type ParameterValues = { readonly [name: string]: Json };

/**
 * What the request says for each parameter of the runbook. `from` and `to` come from their own fields of the
 * request, everything else from `parameters`. Problems stand at the line that declares the parameter.
 */
export function resolveParameters(
  runbook: Loaded<Runbook>,
  request: RunRequest,
  sites: readonly string[],
): { readonly values: ParameterValues; readonly problems: readonly Problem[] } {
  const given: { readonly [name: string]: Json | undefined } = {
    ...request.parameters,
    ...(request.from === undefined ? {} : { from: request.from }),
    ...(request.to === undefined ? {} : { to: request.to }),
  };
  const declared = runbook.value.parameters;
  const problems = new ProblemList(runbook.file, runbook.locate);
  const values: { [name: string]: Json } = {};
  for (const [name, parameter] of Object.entries(declared)) {
    const value = given[name] ?? parameter.default;
    if (value === undefined || value === null) {
      if (parameter.required)
        problems.add(['parameters', name], `a ${parameter.type} in the request`, 'nothing', 'key');
      continue;
    }
    const expected = mismatch(parameter, value, sites);
    if (expected === undefined) values[name] = value;
    else problems.add(['parameters', name], expected, seenText(value), 'key');
  }
  for (const name of Object.keys(given))
    if (!Object.hasOwn(declared, name))
      problems.add(
        ['parameters'],
        Object.keys(declared).length === 0
          ? 'no parameters'
          : `one of the parameters ${oneOf(Object.keys(declared))}`,
        `the parameter ${seenText(name)}`,
        'key',
      );
  if (values['from'] !== undefined && values['from'] === values['to'])
    problems.add(['parameters', 'to'], 'another site than from', seenText(values['to']), 'key');
  return { values, problems: problems.found };
}

/** What was expected instead, or undefined when the value fits. */
function mismatch(parameter: RunbookParameter, value: Json, sites: readonly string[]): string | undefined {
  if (parameter.type === 'site')
    return typeof value === 'string' && sites.includes(value) ? undefined : `a site: ${oneOf(sites)}`;
  const fits = typeof value === parameter.type && (typeof value !== 'number' || Number.isFinite(value));
  return fits ? undefined : `a value of type ${parameter.type}`;
}
