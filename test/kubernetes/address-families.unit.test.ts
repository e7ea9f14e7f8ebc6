import { describe, expect, it } from 'vitest';
import { ApiError } from '../../activities/kubernetes/api-error.ts';
import type { ApiCall, KubernetesClient } from '../../activities/kubernetes/client.ts';
import { inspectFamilies } from '../../activities/kubernetes/inspect-families.ts';
import { needsBothFamilies } from '../../domain/kubernetes/address-families.ts';
import { describeFinding } from '../../domain/kubernetes/findings.ts';

const service = (spec: object, apiVersion = 'v1') => ({
  apiVersion,
  kind: 'Service',
  metadata: { name: 'dual', namespace: 'shop' },
  spec: { ipFamilyPolicy: 'RequireDualStack', ...spec },
});

describe('Services that insist on both address families', () => {
  it.each([
    ['insists', service({ selector: { a: 'b' } }), true],
    ['headless, with a selector', service({ clusterIP: 'None', selector: { a: 'b' } }), true],
    ['headless without a selector: by default', service({ clusterIP: 'None' }), false],
    ['would like to', service({ ipFamilyPolicy: 'PreferDualStack' }), false],
    ["Knative's", service({}, 'serving.knative.dev/v1'), false],
  ])('%s', (_, object, expected) => {
    expect(needsBothFamilies(object)).toBe(expected);
  });

  /** A server that gives this answer to a dry run. */
  const answering = (code: number, message = '') => {
    const calls: ApiCall[] = [];
    const client = {
      name: 'west',
      call: async (call: ApiCall) => {
        calls.push(call);
        if (code !== 201)
          throw new ApiError('west', 'POST', { code, reason: 'Invalid', message, causes: [] });
        return {};
      },
    } as unknown as KubernetesClient;
    return { client, calls };
  };
  const single = 'this cluster is not configured for dual-stack services';

  it('are a problem on a cluster with one family, and the server says so', async () => {
    const { client, calls } = answering(422, single);
    const findings = await inspectFamilies(client, [service({})]);
    expect(findings.map(({ level }) => level)).toEqual(['problem']);
    expect(findings.map(describeFinding).join()).toMatch(
      /on west: Service shop\/dual would be refused.*RequireDualStack: this cluster is not configured/,
    );
    expect(calls.map(({ path }) => path)).toEqual(['/api/v1/namespaces/default/services?dryRun=All']);
  });

  it('are good where the server takes one, and nobody is asked without one', async () => {
    const { client, calls } = answering(201);
    expect(await inspectFamilies(client, [service({})])).toMatchObject([{ level: 'ok' }]);
    expect(await inspectFamilies(client, [service({ clusterIP: 'None' })])).toEqual([]);
    expect(calls).toHaveLength(1);
  });

  it('do not hide another trouble', async () => {
    await expect(inspectFamilies(answering(403, 'no').client, [service({})])).rejects.toThrow(/403/);
  });
});
