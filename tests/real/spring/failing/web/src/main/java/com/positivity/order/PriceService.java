package com.positivity.order;

import com.positivity.prices.Money;
import org.springframework.context.annotation.Profile;
import org.springframework.stereotype.Service;

@Service
@Profile("prices")
class PriceService {

    private final Money smallest = Money.parse("1");
}
