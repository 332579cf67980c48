import { startServices } from '@order-payments/local/test-kit/start-services.ts';
import { stageOn, Watch } from '../stage.ts';
import type { Stage } from '../stage.ts';

/** The five processes with databases and topics of their own, on infrastructure that outlives them: there in seconds. */
export async function setSharedStage(env: Readonly<Record<string, string>>, deathsMax: number): Promise<Stage> {
  const watch = new Watch();
  const services = await startServices({
    env,
    envAtStart: watch.envAtStart,
    onEvent: watch.note,
    deathsMax,
  });
  const { url, databases } = services;
  return stageOn({ platform: services, links: {}, url, databases, dataDirectories: [] }, watch);
}
