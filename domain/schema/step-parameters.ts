import { z } from 'zod';
import type {
  CallHookParameters,
  ClaimEpochParameters,
  MoveUnitsParameters,
  PromoteDatabaseParameters,
  PushDatasourceParameters,
  VerifyEndpointParameters,
} from '../step-parameters.ts';
import {
  collector,
  configCenter,
  databaseCluster,
  datasource,
  gateway,
  name,
  routing,
  secretReference,
  tls,
  url,
} from './inventory.ts';

const milliseconds = z.int().min(1).max(86_400_000);
const table = z.array(z.strictObject({ unit: name, state: z.enum(['open', 'fenced']) })).min(1);

const gateways = {
  routing,
  gateways: z.record(name, gateway),
  tls: tls.exactOptional(),
};
const move = z
  .strictObject({ ...gateways, current: table, wanted: table })
  .refine(
    ({ routing, current, wanted }) => [current, wanted].every(({ length }) => length === routing.buckets),
    { path: ['wanted'], error: 'tables with one rule for each of routing.buckets' },
  );

/** The parameters of compiled steps, kind by kind, for those who call a step by hand. */
export const stepParameters = {
  claimEpoch: z.strictObject({
    ...gateways,
    databases: z.record(name, databaseCluster),
    units: z.array(name),
    floorEpoch: z.int().min(0).exactOptional(),
  }) satisfies z.ZodType<ClaimEpochParameters>,
  fenceUnits: move satisfies z.ZodType<MoveUnitsParameters>,
  openUnits: move satisfies z.ZodType<MoveUnitsParameters>,
  verifyEndpoint: z.strictObject({
    ...gateways,
    path: z.string().startsWith('/', 'a path that starts with "/"'),
    method: z.enum(['GET', 'POST', 'PUT']),
    body: z.string().exactOptional(),
    expectStatus: z.int().min(100).max(599),
    users: z.int().min(1),
    buckets: z.array(z.int().min(0)),
    expectUnit: name,
    timeoutMs: milliseconds,
  }) satisfies z.ZodType<VerifyEndpointParameters>,
  promoteDatabase: z
    .strictObject({
      database: name,
      cluster: databaseCluster,
      primary: name,
      toSite: name,
      fromSite: name,
      acceptableLossTransactions: z.int().min(0),
    })
    .refine(({ cluster, primary }) => Object.hasOwn(cluster.nodes, primary), {
      path: ['primary'],
      error: 'a node of the cluster',
    }) satisfies z.ZodType<PromoteDatabaseParameters>,
  pushDatasource: z.strictObject({
    name,
    datasource,
    cluster: databaseCluster,
    centers: z.record(name, configCenter),
    collectors: z.record(name, collector),
    fromSite: name,
    toSite: name,
  }) satisfies z.ZodType<PushDatasourceParameters>,
  callHook: z.strictObject({
    hook: name,
    url,
    token: secretReference.exactOptional(),
    timeoutMs: milliseconds,
    with: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  }) satisfies z.ZodType<CallHookParameters>,
} as const;
