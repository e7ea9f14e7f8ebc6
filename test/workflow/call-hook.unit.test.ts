import { afterEach, expect, test } from 'vitest';
import { callHook } from '../../activities/call-hook.ts';
import { runStep } from '../../activities/define-step.ts';
import type { StepTools } from '../../activities/tools.ts';
import type { Json } from '../../domain/json.ts';
import type { StepInput } from '../../domain/step.ts';
import type { CallHookParameters } from '../../domain/step-parameters.ts';
import { startHookServer, type HookCall } from './hook-server.ts';

const tools: StepTools = {
  log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
  signal: new AbortController().signal,
  heartbeat: () => {},
  now: () => Date.now(),
  sleep: async () => {},
  secret: async (reference) => `secret of ${reference}`,
  reached: async () => {},
};

let server: Awaited<ReturnType<typeof startHookServer>> | undefined;
afterEach(() => server?.close());

type Answer = { readonly status?: number; readonly body: Json };

async function hook(answers: { readonly [action: string]: Answer | ((call: HookCall) => Answer) }) {
  server = await startHookServer((call) => {
    const answer = answers[call.action] ?? { status: 500, body: 'unexpected' };
    return typeof answer === 'function' ? answer(call) : answer;
  });
  return server;
}

const input = (
  url: string,
  parts: Partial<StepInput<CallHookParameters>> = {},
): StepInput<CallHookParameters> => ({
  operation: { id: 'op-1', domain: 'shop', epoch: 12, reason: 'storm', by: 'ann' },
  step: 'page',
  mode: 'apply',
  style: 'graceful',
  parameters: { hook: 'pager', url, token: 'env:PAGER', timeoutMs: 500, with: { who: 'on call' } },
  ...parts,
});

test('observe, apply and observe again make a done step, with everything the hook needs to know', async () => {
  let isSo = false;
  const { url, calls } = await hook({
    observe: () => ({
      body: isSo ? { state: 'already', summary: 'paged' } : { state: 'apply', summary: 'not paged' },
    }),
    apply: () => {
      isSo = true;
      return { body: { snapshot: { was: 'quiet' }, details: ['paged ann'], leftToDo: ['call off later'] } };
    },
  });
  const outcome = await runStep(callHook, input(url), tools);
  expect(outcome).toMatchObject({
    status: 'done',
    summary: 'pager: paged',
    details: ['paged ann'],
    leftToDo: ['call off later'],
    snapshot: { was: 'quiet' },
  });
  expect(calls.map(({ action }) => action)).toEqual(['observe', 'apply', 'observe']);
  expect(calls[1]?.headers).toMatchObject({
    authorization: 'Bearer secret of env:PAGER',
    'idempotency-key': 'op-1/12/page/apply',
  });
  expect(calls[1]?.body).toEqual({
    action: 'apply',
    operation: { id: 'op-1', domain: 'shop', epoch: 12, reason: 'storm', by: 'ann' },
    step: 'page',
    style: 'graceful',
    isPrecheck: false,
    with: { who: 'on call' },
    snapshot: null,
  });
});

test('what is so already is not applied, and a precheck applies nothing', async () => {
  const already = await hook({ observe: { body: { state: 'already', summary: 'was so', snapshot: 1 } } });
  expect(await runStep(callHook, input(already.url), tools)).toMatchObject({
    status: 'already',
    snapshot: 1,
  });
  already.close();
  const planned = await hook({
    observe: { body: { state: 'apply', summary: 'would page', reasons: ['page ann'] } },
  });
  expect(await runStep(callHook, input(planned.url, { mode: 'precheck' }), tools)).toMatchObject({
    status: 'planned',
    details: ['page ann'],
  });
  expect(planned.calls.map(({ body }) => body.isPrecheck)).toEqual([true]);
});

test('a refusal of the hook is a refusal of the step', async () => {
  const { url } = await hook({
    observe: { body: { state: 'apply', summary: 'ready' } },
    apply: { status: 409, body: { reasons: ['change freeze', 'no quota'] } },
  });
  expect(await runStep(callHook, input(url), tools)).toMatchObject({
    status: 'refused',
    details: ['change freeze', 'no quota'],
  });
});

test('an apply after which the hook does not see it done has failed', async () => {
  const { url } = await hook({
    observe: { body: { state: 'apply', summary: 'not paged' } },
    apply: { body: {} },
  });
  expect(await runStep(callHook, input(url), tools)).toMatchObject({
    status: 'failed',
    summary: 'pager: expected state already after apply; seen apply: not paged',
  });
});

test('a hook that works on after apply is asked again until it is done', async () => {
  const states = ['apply', 'wait', 'wait', 'already'];
  const { url, calls } = await hook({
    observe: () => ({ body: { state: states.shift() ?? 'already', summary: 'paging' } }),
    apply: { body: {} },
  });
  expect(await runStep(callHook, input(url), tools)).toMatchObject({
    status: 'done',
    summary: 'pager: paging',
  });
  expect(calls.map(({ action }) => action)).toEqual(['observe', 'apply', 'observe', 'observe', 'observe']);
});

test('undo hands the snapshot back', async () => {
  const { url, calls } = await hook({ undo: { body: { summary: 'called off' } } });
  const outcome = await runStep(callHook, input(url, { mode: 'undo', snapshot: { was: 'quiet' } }), tools);
  expect(outcome).toMatchObject({ status: 'done', summary: 'pager: called off' });
  expect(calls[0]?.body.snapshot).toEqual({ was: 'quiet' });
});

test.each<readonly [string, Answer, RegExp]>([
  [
    'a server error',
    { status: 503, body: { error: 'busy' } },
    /expected status 200 or 409, seen 503: \{"error":"busy"\}$/,
  ],
  ['no JSON', { body: 'hello' }, /expected JSON, seen status 200: hello$/],
  [
    'another shape',
    { body: [] },
    /answered observe with something else: expected a JSON object with state and summary; seen \[\]$/,
  ],
  [
    'an unknown state',
    { body: { state: 'ok', summary: 's' } },
    /state must be already, apply, refuse, wait; seen "ok"$/,
  ],
  ['no summary', { body: { state: 'apply' } }, /summary must be a sentence; seen null$/],
  ['a flood', { body: 'x'.repeat(70_000) }, /expected an answer of at most 65536 bytes, seen 70000$/],
  ['a redirect', { status: 302, body: {} }, /observe at hook pager/],
])('%s is an error that says what was attempted', async (_name, answer, message) => {
  const { url } = await hook({ observe: answer });
  await expect(runStep(callHook, input(url), tools)).rejects.toThrow(message);
});

test('a hook that does not answer in time is an error that says how long was waited', async () => {
  server = await startHookServer(() => new Promise<never>(() => {}));
  const { url } = server;
  await expect(runStep(callHook, input(url), tools)).rejects.toThrow(
    `observe at hook pager (${url}): no answer within 500 ms`,
  );
});
