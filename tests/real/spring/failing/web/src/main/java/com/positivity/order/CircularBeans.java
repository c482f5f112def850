package com.positivity.order;

import org.springframework.context.annotation.Profile;
import org.springframework.stereotype.Service;

@Service
@Profile("bean-circle")
class CartService {

    CartService(DiscountService discounts) {
    }
}

@Service
@Profile("bean-circle")
class DiscountService {

    DiscountService(CartService carts) {
    }
}
