# The kinds of settings: what a text must look like to be one. The rules of each kind are data,
# which the image carries (`kinds` in settings.json) and imgbuild itself evaluates in the same way
# (src/define/kind.rs). profiles/README.md explains each rule.
package Imgbuild::Kind;
use v5.36;
use Imgbuild::Json;
use Imgbuild::Network;
use Imgbuild::SshKey;
use Imgbuild::Toml;

# The characters of Unicode's category Cc.
our $CONTROL = qr/[\x00-\x1f\x7f]|\xc2[\x80-\x9f]/;
# The largest number of bytes or seconds.
my $LARGEST = 18446744073709551615;

# What a text of each form means; undef if it is not of that form.
my %MEANINGS = (
    boolean => sub ($kind, $text) {
        return $text =~ /\A(?:true|false)\z/ ? Imgbuild::Json::boolean($text eq 'true') : undef;
    },
    enum => \&text,
    integer => \&integer,
    record => sub ($kind, $text) {
        my $parts = parts($kind, $text) // return undef;
        return record($kind,
            {map { $_ => meaning($kind->{kinds}{$_}, $parts->{$_}) } keys %$parts});
    },
    text => \&text,
);
# Checks that no pattern can make.
my %CHECKS = ('ssh-key' => \&Imgbuild::SshKey::read);

# Makes the kinds of an image ready, and gives each setting of it its own.
sub prepare ($image) {
    my $kinds = $image->{kinds};
    for my $kind (values %$kinds) {
        $kind->{kinds} = {map { $_ => $kinds->{$kind->{parts}{$_}} } keys %{$kind->{parts}}};
        for my $patterns (grep { defined } @$kind{qw(pattern not)}) {
            # Under `aa`, no letter of ASCII has another case beyond ASCII. All groups are named
            # ones.
            $patterns =
                [map { {names => [/\(\?<([a-z]+)>/g], whole => qr/\A(?:$_)\z/aa} } @$patterns];
        }
    }
    give($kinds, $_) for values %{$image->{settings}};
}

sub give ($kinds, $definition) {
    $definition->{kind} = $kinds->{$definition->{type}};
    give($kinds, $_)
        for grep { defined } $definition->{items}, values %{$definition->{fields} // {}};
}

# What a text means as a value of `$kind`; undef if it is not one.
sub meaning ($kind, $text) {
    my $meaning = $MEANINGS{$kind->{form} // 'text'} // return undef;
    return $meaning->($kind, $text);
}

# The text as programs shall read it.
sub text ($kind, $text) {
    my $check = $kind->{check};
    if (defined $check) {
        $check = $CHECKS{$check} // die "settings of this kind cannot change on the device\n";
        return $check->($kind, $text);
    }
    $text = join ' ', grep { $_ ne '' } split / /, $text if $kind->{squeeze};
    return undef if $text =~ $CONTROL || !is_within($kind->{bytes}, length $text);
    return undef if defined $kind->{words} && !grep { $_ eq $text } split ' ', $kind->{words};
    return undef if grep { characters($text) =~ $_->{whole} } @{$kind->{not}};
    return $text if !$kind->{pattern};
    my $parts = parts($kind, $text) // return undef;
    return $parts->{value} // $text;
}

# Texts are bytes everywhere but in patterns.
sub characters ($text) {
    utf8::decode($text);
    return $text;
}

sub is_within ($bounds, $number) {
    my ($low, $high) = map { $$_ } @{$bounds // return 1};
    return $low <= $number && $number <= $high;
}

# The named parts of a text by the first pattern that it matches.
sub parts ($kind, $text) {
    for my $pattern (@{$kind->{pattern}}) {
        my @found = characters($text) =~ $pattern->{whole} or next;
        utf8::encode($_) for grep { defined } @found;
        my %parts;
        @parts{@{$pattern->{names}}} = @found;
        delete @parts{grep { !defined $parts{$_} } keys %parts};
        return \%parts if suit($kind, \%parts);
    }
    return undef;
}

sub suit ($kind, $parts) {
    for my $name (grep { exists $parts->{$_} } keys %{$kind->{kinds}}) {
        defined meaning($kind->{kinds}{$name}, $parts->{$name}) or return 0;
    }
    my ($address, $prefix, $first, $last) = @$parts{qw(address prefix first last)};
    if (defined $address) {
        return 0 if $kind->{networks} && !Imgbuild::Network::allows($kind->{networks}, $address);
        my $bits = $kind->{'host-bits'};
        return 0 if defined $bits && !Imgbuild::Network::has_host_bits($bits, $address, $prefix);
    }
    return 0 if $kind->{units} && !defined counted($kind, $parts);
    return !$kind->{ascending} || !defined $last || $first le $last;
}

# A number with its unit; undef where 64 bits do not hold it.
sub counted ($kind, $parts) {
    my $factor = $kind->{units}{$parts->{unit}} // return undef;
    my $digits = $parts->{number} =~ s/\A0+(?=[0-9])//r;
    my $largest = ($LARGEST - $LARGEST % $$factor) / $$factor;
    return at_most($digits, "$largest") ? $digits * $$factor : undef;
}

# A whole number of 64 bits.
sub integer ($kind, $text) {
    my ($sign, $digits) = $text =~ /\A([-+]?)0*([0-9]+)\z/ or return undef;
    at_most($digits, $sign eq '-' ? '9223372036854775808' : '9223372036854775807') or return undef;
    my $number = $sign eq '-' && $digits ne '0' ? "-$digits" : $digits;
    return is_within($kind->{range}, $number) ? Imgbuild::Json::number($number) : undef;
}

# Whether digits without leading zeros make a number of at most `$limit`, both larger than Perl's
# own.
sub at_most ($digits, $limit) {
    return length $digits < length $limit || length $digits == length $limit && $digits le $limit;
}

# A record with every part: as it is given, or its default. `%$parts` are values already.
sub record ($kind, $parts) {
    my %record = (%{$kind->{defaults}}, %{$parts // return undef});
    my @missing = grep { !defined $record{$_} } keys %{$kind->{kinds}};
    return @missing || keys %record > keys %{$kind->{kinds}} ? undef : \%record;
}

# What a value of TOML means: what is no text there is no text here either.
sub typed ($kind, $written) {
    my $form = $kind->{form} // 'text';
    if (ref $written eq 'HASH') {
        my $kinds = $kind->{kinds};
        return undef if $form ne 'record' || grep { !$kinds->{$_} } keys %$written;
        return record($kind, {map { $_ => typed($kinds->{$_}, $written->{$_}) } keys %$written});
    }
    my $is_typed =
          $form eq 'integer' ? Imgbuild::Json::is_number($written)
        : $form eq 'boolean' ? Imgbuild::Json::is_boolean($written)
        : !ref $written;
    return $is_typed ? meaning($kind, Imgbuild::Json::plain($written)) : undef;
}

# The value that `$text` gives the setting `$definition`; dies with what was expected. A list is
# `a,b`, or an array of TOML.
sub read_value ($definition, $text) {
    my $array = $definition->{type} eq 'list' && $text =~ /\A\[.*\]\z/s;
    return read_written($definition, $array ? Imgbuild::Toml::decode($text) : $text);
}

# The same of a text, or of what TOML holds.
sub read_written ($definition, $written) {
    return read_list($definition, $written) if $definition->{type} eq 'list';
    return read_table($definition, $written) if $definition->{type} eq 'table';
    my $kind = $definition->{kind};
    ref $written || is_utf8($written) or die "expected text in UTF-8\n";
    my $value = ref $written ? typed($kind, $written) : meaning($kind, $written);
    defined $value or die "expected $kind->{expected}\n";
    my $plain = Imgbuild::Json::plain($value);
    if ($definition->{values} && defined $plain && !Imgbuild::Json::is_boolean($value)) {
        my @values = @{$definition->{values}};
        grep { $_ eq $plain } @values or die 'expected one of ' . join(', ', @values) . "\n";
    }
    check_range($definition, $value) if Imgbuild::Json::is_number($value);
    if (defined $plain && !ref $value) {
        die "it has to be given, and this is nothing\n"
            if $definition->{required} && $plain !~ /[^ ]/;
        check_measure($definition, $plain);
    }
    check_outside($definition, $plain) if $definition->{outside} && defined $plain;
    return $value;
}

# Whether bytes are UTF-8 (RFC 3629); Perl's own has more characters.
sub is_utf8 ($bytes) {
    return utf8::decode($bytes) && $bytes !~ /[\x{d800}-\x{dfff}]|[^\x{0}-\x{10ffff}]/;
}

# Networks of IPv4, with their first and their last address as numbers.
sub check_outside ($definition, $cidr) {
    my ($address, $prefix) = $cidr =~ m{\A([0-9.]+)/\+?([0-9]+)\z} or return;
    my $network = substr Imgbuild::Network::bits($address) // return, 0, $prefix;
    my ($first, $last) = map { oct "0b$network" . $_ x (32 - $prefix) } 0, 1;
    for my $taken (@{$definition->{outside}}) {
        my ($low, $high) = map { $$_ } @$taken;
        die "this network is used for something else\n" if $first <= $high && $low <= $last;
    }
}

sub check_range ($definition, $value) {
    my ($min, $max) = map { defined ? $$_ : undef } @$definition{qw(min max)};
    return if !(defined $min && $$value < $min) && !(defined $max && $$value > $max);
    my $bounds = !defined $min ? "$max or less" : !defined $max ? "$min or more" : "$min to $max";
    die "expected $bounds\n";
}

# What `min` and `max` bound of a text.
sub check_measure ($definition, $text) {
    my $kind = $definition->{kind};
    return if !defined $kind->{measure};
    my $measure = $kind->{units} ? counted($kind, parts($kind, $text)) : length $text;
    check_range($definition, Imgbuild::Json::number($measure));
}

# `a,b`, or what is in an array.
sub read_list ($definition, $written) {
    die "expected a list\n" if ref $written && ref $written ne 'ARRAY';
    my @written =
          Imgbuild::SshKey::is_kind_of($definition) ? Imgbuild::SshKey::parts($written)
        : ref $written ? @$written
        : $written eq '' ? ()
        : split /,/, $written, -1;
    @written <= 1000 or die "expected 1000 values at most\n";
    my @items = map { read_written($definition->{items}, $_) } @written;
    check_range($definition, Imgbuild::Json::number(scalar @items));
    my %seen;
    if (defined(my $unique = $definition->{unique})) {
        for my $item (grep { ref $_ eq 'HASH' } @items) {
            die "two values have the $unique `$item->{$unique}`\n" if $seen{$item->{$unique}}++;
        }
    }
    return \@items;
}

# Every field of the table: as it was given, its default, or nothing.
sub read_table ($definition, $written) {
    ref $written eq 'HASH'
        or die 'expected a table, such as { '
        . join(', ', map { "$_ = …" } required($definition)) . " }\n";
    my $fields = $definition->{fields};
    for my $name (sort keys %$written) {
        $fields->{$name}
            or die "there is no field `$name`, only `" . join('`, `', sort keys %$fields) . "`\n";
    }
    for my $name (required($definition)) { exists $written->{$name} or die "`$name` is missing\n" }
    my %table;
    for my $name (keys %$fields) {
        $table{$name} = $fields->{$name}{default};
        next if !exists $written->{$name};
        eval { $table{$name} = read_written($fields->{$name}, $written->{$name}); 1 }
            or die "`$name`: $@";
    }
    return \%table;
}

# The names of what has to be given of a table or a record.
sub required ($definition) {
    my ($kind, $fields) = @$definition{qw(kind fields)};
    return grep { $fields->{$_}{required} } sort keys %$fields if $fields;
    return grep { !defined $kind->{defaults}{$_} } sort keys %{$kind->{kinds}};
}

# A value as a person writes it.
sub show ($definition, $value) {
    return Imgbuild::Json::plain($value) if ref $value ne 'ARRAY';
    my $items = $definition->{items};
    my @words = map { word($items, $_) } @$value;
    my $text = join ',', map { $_ // '' } @words;
    return $text if $text !~ /\A\[.*\]\z/s && !grep { !defined || /,/ || $_ eq '' } @words;
    return Imgbuild::Toml::encode([map { telling($items, $_) } @$value], order_of($items));
}

# A value in one word; undef for one with more to it.
sub word ($definition, $value) {
    return Imgbuild::Json::plain($value) if ref $value ne 'HASH';
    my $word = $definition->{kind}{short} // return undef;
    for my $part (keys %$value) {
        # As in a URL: a colon would end it.
        my $text = Imgbuild::Json::plain($value->{$part}) =~ s/\A(.*:.*)\z/[$1]/sr;
        next if $word =~ s/\{\Q$part\E\}/$text/;
        return undef if !goes_without_saying($definition, $part, $value->{$part});
    }
    return $word;
}

sub goes_without_saying ($definition, $name, $value) {
    my $fields = $definition->{fields};
    my $default = $fields ? $fields->{$name}{default} : $definition->{kind}{defaults}{$name};
    return !defined $value || defined $default && same($default, $value);
}

sub same ($one, $other) { return Imgbuild::Json::encode($one) eq Imgbuild::Json::encode($other) }

# A table without what goes without saying; in lists, values that have a word by it.
sub telling ($definition, $value) {
    return $value if ref $value ne 'HASH';
    my $fields = $definition->{fields} // {};
    my %told;
    for my $name (grep { !goes_without_saying($definition, $_, $value->{$_}) } keys %$value) {
        my $items = $fields->{$name} && $fields->{$name}{items};
        my $told = $value->{$name};
        $told{$name} = $items ? [map { word($items, $_) // telling($items, $_) } @$told] : $told;
    }
    return \%told;
}

# The order in which the fields of tables are told: those that have to be there first.
sub order_of ($definition) {
    my @inner = grep { defined } map { $_->{items} } values %{$definition->{fields} // {}};
    my %rank = (map({ $_ => 1 } map { required($_) } $definition, @inner), name => 2);
    return sub ($table) {
        my @names = sort { ($rank{$b} // 0) <=> ($rank{$a} // 0) || $a cmp $b } keys %$table;
        return @names;
    };
}

1;
