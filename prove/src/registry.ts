import type { Stage } from './stage.ts';

/** The id under which the registry has the newest schema of the event. */
export async function schemaIdOf({ platform }: Pick<Stage, 'platform'>, eventType: string): Promise<number> {
  const { schemaRegistryUrl } = platform.surroundings;
  const subjects = (await (await fetch(`${schemaRegistryUrl}/subjects`)).json()) as string[];
  const subject = subjects.find((name) => name.endsWith(`.${eventType}`));
  const response = await fetch(`${schemaRegistryUrl}/subjects/${subject}/versions/latest`);
  return ((await response.json()) as { id: number }).id;
}
