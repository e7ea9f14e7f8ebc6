import type { BadRow } from './bad-inventories.ts';
import { validRunbook } from './valid-texts.ts';

export const badRunbooks: readonly BadRow[] = [
  [
    'an unknown step kind',
    'uses: fenceUnits',
    'uses: fenceUnit',
    [
      'runbooks/move.yaml:10:11 steps[0].uses: expected "fenceUnits", "promoteDatabase", "pushDatasource", "openUnits", "verifyEndpoint", "approve", "hold", "callHook", "scaleOutNodes", "restoreBackup", "applyManifests", "shiftMesh", "captureManifests", "prepareStandby" or "rehearseKubernetes", saw "fenceUnit"',
    ],
  ],
  [
    "the compiler's own step kind",
    'uses: fenceUnits',
    'uses: claimEpoch',
    [
      'runbooks/move.yaml:10:11 steps[0].uses: expected "fenceUnits", "promoteDatabase", "pushDatasource", "openUnits", "verifyEndpoint", "approve", "hold", "callHook", "scaleOutNodes", "restoreBackup", "applyManifests", "shiftMesh", "captureManifests", "prepareStandby" or "rehearseKubernetes", saw "claimEpoch"',
    ],
  ],
  [
    'a parameter of a step left out',
    "with: { databases: { primaryAt: '${from}' }, to: '${to}' }",
    "with: { databases: { primaryAt: '${from}' } }",
    ['runbooks/move.yaml:15:5 steps[1].with.to: expected a text, saw nothing'],
  ],
  [
    'an unknown parameter of a step',
    "users: '${count}'",
    "user: '${count}'",
    [
      'runbooks/move.yaml:27:52 steps[4].with.user: expected one of the keys "units", "to", "request", "users" or "timeoutMs", saw the key "user"',
    ],
  ],
  [
    'a site where a number belongs',
    "users: '${count}'",
    "users: '${from}'",
    ['runbooks/move.yaml:27:59 steps[4].with.users: expected a number, saw "${from}"'],
  ],
  [
    'a text where a number belongs',
    "users: '${count}'",
    'users: many',
    ['runbooks/move.yaml:27:59 steps[4].with.users: expected a number, saw "many"'],
  ],
  [
    'a number that is too small',
    "users: '${count}'",
    'users: 0',
    ['runbooks/move.yaml:27:59 steps[4].with.users: expected a number of at least 1, saw 0'],
  ],
  [
    'a number with an undeclared parameter',
    "users: '${count}'",
    "users: '${counts}'",
    ['runbooks/move.yaml:27:59 steps[4].with.users: expected a number, saw "${counts}"'],
  ],
  [
    'a text with an undeclared parameter',
    "{ primaryAt: '${from}' }, to: '${to}' }\n  - id: open",
    "{ primaryAt: '${form}' }, to: '${to}' }\n  - id: open",
    [
      'runbooks/move.yaml:19:39 steps[2].with.datasources.primaryAt: expected a declared parameter: "from", "to" or "count", saw ${form}',
    ],
  ],
  [
    'a step id twice',
    'id: promote',
    'id: fence',
    [
      'runbooks/move.yaml:12:9 steps[1].id: expected an id of its own, saw "fence" again',
      'runbooks/move.yaml:14:13 steps[1].needs[0]: expected another step, saw the step itself',
      'runbooks/move.yaml:18:13 steps[2].needs[0]: expected a step: "fence", "push", "open" or "verify", saw "promote"',
    ],
  ],
  [
    "the compiler's own step id",
    'id: verify',
    'id: claim',
    [
      'runbooks/move.yaml:24:9 steps[4].id: expected another id: "claim" is the step that the compiler puts first, saw "claim"',
    ],
  ],
  [
    'a step id that is a sentence',
    'id: verify',
    'id: Verify it',
    [
      'runbooks/move.yaml:24:9 steps[4].id: expected a step id of lower-case letters, digits and dashes, at most 40 characters, saw "Verify it"',
    ],
  ],
  [
    'a need of an unknown step',
    'needs: [push]',
    'needs: [pushes]',
    [
      'runbooks/move.yaml:22:13 steps[3].needs[0]: expected a step: "fence", "promote", "push", "open" or "verify", saw "pushes"',
    ],
  ],
  [
    'a step that needs itself',
    'needs: [push]',
    'needs: [open]',
    ['runbooks/move.yaml:22:13 steps[3].needs[0]: expected another step, saw the step itself'],
  ],
  [
    'a cycle',
    '    uses: fenceUnits',
    '    uses: fenceUnits\n    needs: [open]',
    [
      'runbooks/move.yaml:11:12 steps[0].needs: expected steps without a cycle, saw fence needs open needs push needs promote needs fence',
    ],
  ],
  [
    'needs that are no list',
    'needs: [push]',
    'needs: push',
    ['runbooks/move.yaml:22:12 steps[3].needs: expected a list, saw "push"'],
  ],
  [
    'an unknown selector',
    "{ primaryAt: '${from}' }, to: '${to}' }\n  - id: push",
    "{ primary: '${from}' }, to: '${to}' }\n  - id: push",
    [
      'runbooks/move.yaml:15:24 steps[1].with.databases: expected a map with the key "primaryAt" or "homeAt", saw a map with primary',
    ],
  ],
  [
    'a selector that is a word',
    "{ primaryAt: '${from}' }, to: '${to}' }\n  - id: push",
    "all, to: '${to}' }\n  - id: push",
    ['runbooks/move.yaml:15:24 steps[1].with.databases: expected a map or a list, saw "all"'],
  ],
  [
    'an empty list of databases',
    "{ primaryAt: '${from}' }, to: '${to}' }\n  - id: push",
    "[], to: '${to}' }\n  - id: push",
    ['runbooks/move.yaml:15:24 steps[1].with.databases: expected at least 1 item, saw an empty list'],
  ],
  [
    'an unknown style',
    'uses: openUnits',
    'uses: openUnits\n    style: brutal',
    ['runbooks/move.yaml:22:12 steps[3].style: expected "graceful" or "forced", saw "brutal"'],
  ],
  [
    'no steps',
    validRunbook.slice(validRunbook.indexOf('steps:')),
    'steps: []\n',
    ['runbooks/move.yaml:8:8 steps: expected at least 1 item, saw an empty list'],
  ],
  [
    'a parameter of an unknown type',
    'type: number',
    'type: integer',
    [
      'runbooks/move.yaml:7:18 parameters.count.type: expected "site", "string", "number" or "boolean", saw "integer"',
      'runbooks/move.yaml:27:59 steps[4].with.users: expected a number, saw "${count}"',
    ],
  ],
  [
    'a default of another type',
    'default: 3',
    'default: three',
    ['runbooks/move.yaml:7:35 parameters.count.default: expected a default of type number, saw "three"'],
  ],
  [
    'a required parameter with a default',
    'count: { type: number,',
    'count: { type: number, required: true,',
    ['runbooks/move.yaml:7:42 parameters.count.default: expected no default on a required parameter, saw 3'],
  ],
  [
    'a parameter name with a dash',
    '  count:',
    '  my-count:',
    [
      'runbooks/move.yaml:7:3 parameters.my-count: expected a parameter name of letters and digits, saw the key "my-count"',
      'runbooks/move.yaml:27:59 steps[4].with.users: expected a number, saw "${count}"',
    ],
  ],
  [
    'an opening whose fence is not before it',
    'needs: [fence]',
    'needs: []',
    [
      'runbooks/move.yaml:22:12 steps[3].needs: expected a fenceUnits step with the same `units` and `to` among the steps before it, saw none',
    ],
  ],
  [
    'an opening of other units than were fenced',
    "id: fence\n    uses: fenceUnits\n    with: { units: { at: '${from}' }",
    'id: fence\n    uses: fenceUnits\n    with: { units: [east-a]',
    [
      'runbooks/move.yaml:22:12 steps[3].needs: expected a fenceUnits step with the same `units` and `to` among the steps before it, saw "fence" with other units',
    ],
  ],
  [
    'a hook without a way back before a point of no return',
    '  - id: promote',
    '  - id: tell\n    uses: callHook\n    with: { hook: page }\n  - id: promote',
    [
      'runbooks/move.yaml:14:5 steps[1].with: expected afterAbort: undo or leave, because this step may run before the point of no return "promote" or "open", saw a hook without a way back',
    ],
  ],
  [
    'a hold that rolls back after the point of no return',
    '  - id: verify',
    '  - id: wait\n    uses: hold\n    needs: [open]\n    with: { holdMs: 1000, then: roll back }\n  - id: verify',
    [
      'runbooks/move.yaml:27:33 steps[4].with.then: expected "commit", because the hold comes after the point of no return "promote" or "open", saw "roll back"',
    ],
  ],
  [
    'a hold that ends in panic',
    '  - id: verify',
    '  - id: wait\n    uses: hold\n    needs: [open]\n    with: { holdMs: 1000, then: panic }\n  - id: verify',
    ['runbooks/move.yaml:27:33 steps[4].with.then: expected "commit" or "roll back", saw "panic"'],
  ],
  [
    'a question without words',
    '  - id: verify',
    '  - id: wait\n    uses: approve\n    needs: [open]\n    with: {}\n  - id: verify',
    ['runbooks/move.yaml:27:5 steps[4].with.message: expected a text, saw nothing'],
  ],
  [
    'a step without parameters',
    "    with: { units: { at: '${from}' }, to: '${to}', users: '${count}' }\n",
    '',
    ['runbooks/move.yaml:24:5 steps[4].with: expected a map, saw nothing'],
  ],
  [
    'a runbook without description',
    'description: Moves things.\n',
    '',
    ['runbooks/move.yaml:1:1 description: expected a text, saw nothing'],
  ],
  [
    'a path that is none',
    "users: '${count}'",
    'request: { path: health }',
    [
      'runbooks/move.yaml:27:69 steps[4].with.request.path: expected a path that starts with "/", saw "health"',
    ],
  ],
  [
    'a canary without its part',
    '  - id: verify',
    "  - id: mesh\n    uses: shiftMesh\n    with: { to: '${to}', canary: { service: next } }\n  - id: verify",
    [
      'runbooks/move.yaml:26:34 steps[4].with.canary: expected exactly one of `percent` and `header`: which requests go to the canary, saw a map with service',
    ],
  ],
  [
    'a canary of two kinds',
    '  - id: verify',
    "  - id: mesh\n    uses: shiftMesh\n    with: { to: '${to}', canary: { service: next, percent: 5, header: { name: a, value: b } } }\n  - id: verify",
    [
      'runbooks/move.yaml:26:34 steps[4].with.canary: expected exactly one of `percent` and `header`: which requests go to the canary, saw a map with service, percent, header',
    ],
  ],
];
