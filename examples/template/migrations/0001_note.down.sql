DROP TABLE note_count;
DROP TABLE note;
