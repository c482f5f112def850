create table if not exists orders (
  id bigint generated always as identity primary key,
  placed_at timestamp with time zone default current_timestamp
);
