import { list, mapping, textOf, type KubernetesObject } from './object.ts';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime?: string;
}

export function conditionsOf(object: KubernetesObject): readonly Condition[] {
  return list(mapping(object['status'])['conditions']).map((condition) => {
    const { type, status, reason, message, lastTransitionTime } = mapping(condition);
    return {
      type: textOf(type),
      status: textOf(status),
      reason: textOf(reason),
      message: textOf(message),
      ...(typeof lastTransitionTime === 'string' ? { lastTransitionTime } : {}),
    };
  });
}

export const conditionOf = (object: KubernetesObject, type: string): Condition | undefined =>
  conditionsOf(object).find((condition) => condition.type === type);

/** For people: `Ready=False (RevisionFailed: the image cannot be pulled)`. */
export function describeCondition({ type, status, reason, message }: Condition): string {
  const why = [reason, message].filter((text) => text !== '').join(': ');
  return `${type}=${status}${why === '' ? '' : ` (${why})`}`;
}
