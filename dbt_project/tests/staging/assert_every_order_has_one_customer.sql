-- No order is without a customer and none has two.
select orders.order_key
from {{ ref('stg_orders') }} as orders
left join {{ ref('orders_customers') }} as orders_customers
    on orders.order_key = orders_customers.order_key
group by orders.order_key
having count(orders_customers.customer_id) != 1
