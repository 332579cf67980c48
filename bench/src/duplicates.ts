import type pg from 'pg';

/** One event in so many is told twice. */
export const DUPLICATE_ONE_IN = 100;

/**
 * From now on every hundredth event that is written to the outbox brings along a copy of one that was written some hundreds
 * before it: what a relay does that dies between the acknowledgement and the delete. The service pays for the copying.
 */
export async function tellSomeTwice(database: pg.Client): Promise<void> {
  await database.query(`
    create table told (like outbox);
    create index on told (id);
    create function tell_twice() returns trigger language plpgsql security definer as $$
    begin
      insert into told select new.*;
      insert into outbox (event_id, topic, key, payload)
        select event_id, topic, key, payload from told where id < new.id order by id desc offset 3 limit 1;
      return null;
    end $$;
    create trigger tell_twice after insert on outbox for each row
      when (new.id % ${DUPLICATE_ONE_IN} = 0 and pg_trigger_depth() = 0) execute function tell_twice();`);
}
