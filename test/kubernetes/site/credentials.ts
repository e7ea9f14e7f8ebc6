import { describe, expect, it } from 'vitest';
import { applyManifests } from '../../../activities/apply-manifests.ts';
import { captureManifests } from '../../../activities/capture-manifests.ts';
import { runStep } from '../../../activities/define-step.ts';
import { restoreBackup } from '../../../activities/restore-backup.ts';
import { scaleOutNodes } from '../../../activities/scale-out-nodes.ts';
import { shiftMesh } from '../../../activities/shift-mesh.ts';
import type { StepOutcome } from '../../../domain/step.ts';
import { operation, stepInput, stepTools } from '../step-tools.ts';
import { makeAccount, refusingStore, secretFile, tokenKubeconfig } from './bad-credentials.ts';
import { findings } from './rehearsal.ts';
import {
  applyParameters,
  captureInput,
  inventory,
  meshParameters,
  need,
  restoreParameters,
  scaleParameters,
  store,
  west,
} from './scene.ts';

const precheck = { mode: 'precheck', operation: operation(0) } as const;
const said = (outcomes: readonly StepOutcome[]) =>
  outcomes.map(({ status, summary }) => `${status}: ${summary}`);

/** Credentials that expired or were withdrawn: a reason to refuse, in words, while nothing is wrong yet. */
export function refusingCredentials(): void {
  describe('keys of the store', () => {
    const location = (changed: object) => ({ ...need(inventory.backupLocations['backups']), ...changed });
    const precheckWith = (changed: object) => {
      const other = { ...store().store, ...changed };
      const { parameters } = captureInput('west');
      return Promise.all([
        runStep(
          restoreBackup,
          stepInput(restoreParameters({ location: location(changed) }), precheck),
          stepTools(),
        ),
        runStep(applyManifests, stepInput({ ...applyParameters(), store: other }, precheck), stepTools()),
        runStep(captureManifests, stepInput({ ...parameters, store: other }, precheck), stepTools()),
      ]);
    };
    const refusals = (words: string) => [
      `refused: GET /backups: ${words}`,
      `refused: GET /manifests/head.json: ${words}`,
      `refused: GET /manifests/head.json: ${words}`,
    ];

    it.each([
      ['secretKey', '403 SignatureDoesNotMatch: the secret key does not fit the access key'],
      ['accessKey', '404 XAdminUserNotFound: the store does not know this access key (expired or revoked?)'],
    ])('every step refuses a wrong %s at precheck', async (key, words) => {
      const outcomes = await precheckWith({ [key]: secretFile(`wrong-${key}`, 'wrong') });
      expect(said(outcomes)).toEqual(refusals(words));
    });

    it.each([
      [400, 'ExpiredToken', 'The provided token has expired.', 'the credentials have expired'],
      [
        403,
        'InvalidAccessKeyId',
        'The AWS Access Key Id you provided does not exist in our records.',
        'the store does not know this access key (expired or revoked?)',
      ],
    ])('every step and the rehearsal say in words what %i %s means', async (status, code, message, words) => {
      const refusing = await refusingStore(status, code, message);
      const sessionToken = secretFile('session-token', 'token-of-yesterday');
      const changed = { endpoint: refusing.url, sessionToken };
      expect(said(await precheckWith(changed))).toEqual(refusals(`${status} ${code}: ${words}`));
      expect(refusing.tokens()).toEqual(['token-of-yesterday']);
      const { problems } = await findings({
        location: location(changed),
        store: { ...store().store, ...changed },
      });
      refusing.close();
      expect(problems).toEqual([
        `backup location backups: GET /backups: ${status} ${code}: ${words}; see to the bucket and its credentials`,
        `the newest backup: GET /backups: ${status} ${code}: ${words}; see to the bucket`,
        expect.stringMatching(
          new RegExp(`^the manifest store: (GET|PUT) /manifests\\S*: ${status} ${code}: `),
        ),
      ]);
    });
  });

  describe('the token of a kubeconfig', () => {
    const precheckWith = (kubeconfig: string) => {
      const target = { clusterName: 'west', cluster: { ...west().cluster, kubeconfig } };
      const { parameters } = captureInput('west');
      return Promise.all([
        runStep(scaleOutNodes, stepInput({ ...scaleParameters(), ...target }, precheck), stepTools()),
        runStep(restoreBackup, stepInput(restoreParameters(target), precheck), stepTools()),
        runStep(applyManifests, stepInput({ ...applyParameters(), ...target }, precheck), stepTools()),
        runStep(shiftMesh, stepInput(meshParameters(target), precheck), stepTools()),
        runStep(captureManifests, stepInput({ ...parameters, ...target }, precheck), stepTools()),
      ]);
    };

    it('is refused by every step at precheck, in words, when it has expired', async () => {
      const claims = await makeAccount();
      // The control: a token that differs in nothing but its age is good for everything.
      const good = await precheckWith(tokenKubeconfig(claims, 0));
      expect(good.map(({ status }) => status).filter((status) => status === 'refused')).toEqual([]);
      const expired = tokenKubeconfig(claims, 2 * 3_600_000);
      const refused = said(await precheckWith(expired));
      const words =
        /^refused: west: GET \/\S+: 401 Unauthorized: the server does not accept the credentials of the kubeconfig \(expired or revoked\?\)$/;
      expect(refused).toEqual(Array.from({ length: 5 }, () => expect.stringMatching(words) as unknown));
      const standby = { name: 'west', cluster: { ...west().cluster, kubeconfig: expired } };
      const { problems } = await findings({ standby });
      expect(problems.join('\n')).toMatch(
        /^backup location of west: west: GET \/\S+: 401 Unauthorized: the server does not accept the credentials of the kubeconfig \(expired or revoked\?\); see to west$/m,
      );
    });
  });
}
