alter table orders add column currency varchar(3);
alter table order_lines add column discount numeric(5, 2);
