-- The same file in every service's migrations (checked by a test).

-- A topic that was made anew, as after a restore, gives the places of earlier letters to other records: these are letters of
-- their own. A record that is read again is still kept once.
alter table dead_letters drop constraint dead_letters_topic_partition_record_offset_key;
create unique index dead_letters_one_a_record
  on dead_letters (topic, partition, record_offset, sha256(coalesce(value, ''::bytea)));
