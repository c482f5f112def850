package com.positivity.shop;

import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.ManyToOne;
import jakarta.persistence.OneToMany;
import java.util.List;

@Entity
class Shop {

    @Id
    Long id;

    @OneToMany(mappedBy = "shop")
    List<Till> tills;
}

@Entity
class Till {

    @Id
    Long id;

    @ManyToOne
    Shop store;
}
